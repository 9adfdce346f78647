"""Switch the running interpreter to this environment: ``exec(open(path).read(), {"__file__": path})``."""

import os
import site
import sys

root = @ROOT@
scripts = os.path.join(root, @BIN@)

os.environ["PATH"] = os.pathsep.join([scripts] + os.environ.get("PATH", "").split(os.pathsep))
os.environ["VIRTUAL_ENV"] = root
os.environ["VIRTUAL_ENV_PROMPT"] = @PROMPT@

known = len(sys.path)
packages = os.path.join(root, @PACKAGES@)
site.addsitedir(packages)
sys.path[:] = sys.path[known:] + sys.path[:known]
sys.prefix = root
