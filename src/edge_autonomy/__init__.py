"""The command line, the launch interpreter, the doctor and the demo."""
