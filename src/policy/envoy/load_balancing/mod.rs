//! Load balancing: which host gets the attempt.
