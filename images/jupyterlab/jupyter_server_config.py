# The server stands behind Cahier's gateway, which authorises every visitor; the token comes in JUPYTER_TOKEN.
c = get_config()  # noqa: F821

c.ServerApp.ip = "0.0.0.0"
c.ServerApp.port = 8888
# Another port would never be found; better to end at once.
c.ServerApp.port_retries = 0
c.ServerApp.root_dir = "/workspace"
c.ServerApp.open_browser = False
# The gateway passes the visitor's Host on, which is not this machine's name.
c.ServerApp.allow_remote_access = True
c.ServerApp.terminado_settings = {"shell_command": ["/bin/bash"]}

# The trash would be a folder in the workspace, saved with it; deleted means deleted.
c.FileContentsManager.delete_to_trash = False

c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.news_url = None
# Building extensions needs Node, which is left out.
c.LabApp.extension_manager = "readonly"
