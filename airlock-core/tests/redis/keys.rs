//! Which keys are touched, and for how long they last.
