"""What may happen and until when: pure rules, as functions of values, the clock's instant included."""
