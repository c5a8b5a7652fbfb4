"""`sgl doctor` against recorded machines: machines/ holds what they answer, golden/ what the doctor says of it."""
