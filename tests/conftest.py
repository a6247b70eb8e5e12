"""Shape annotations are checked while tests run; torch keeps to one thread, so that workers share the machine."""

import jaxtyping
import torch

jaxtyping.install_import_hook("lrviz", "typecheck.checked")
torch.set_num_threads(1)
