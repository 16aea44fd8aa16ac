"""What people type: shapes of input and its errors, beside the field. Writes nothing."""
