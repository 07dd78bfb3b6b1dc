"""The market seen whole: what moves with what, in which groups, in which regime. Describes, never decides."""
