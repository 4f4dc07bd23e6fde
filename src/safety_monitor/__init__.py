"""What guards: watchdog, motion envelope, state machine and audit. Imports no sibling package."""
