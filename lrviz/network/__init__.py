"""A PyTorch module becomes a program: affine steps and ReLUs that prove to compute the same.

In comes any module in eval mode with an example input, out goes a `Program` that pushes columns through its steps.
"""
