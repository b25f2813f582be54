"""Networks saved by Keras 1, 2 and tf.keras in HDF5, rebuilt of Keras 3 layers; nothing in a file is run."""
