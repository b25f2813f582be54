"""HDF5 models of Keras 1, 2 and tf.keras, rebuilt with Keras 3 layers; no code in a file is run."""
