"""A run on a page of the browser, live, without a display on the machine that simulates."""
