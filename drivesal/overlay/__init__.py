"""The overlay: heat on the frame, the predicted steering, and the legends for both. One file per element."""
