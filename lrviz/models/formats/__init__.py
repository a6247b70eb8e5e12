"""Files of networks: tensors, ONNX graphs, and with the user's word what runs code when it is opened."""
