"""Datasets, training, evaluation and export of the policies that the decision node runs."""
