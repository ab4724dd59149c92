# JupyterHub's control plane alone: a spawner that starts nothing and says that the editor of the benchmark is its server,
# and anyone may sign in. All else is as it comes, but for the limits that would refuse a burst of the benchmark's size.
import os

from jupyterhub.spawner import Spawner


class NoopSpawner(Spawner):
    running = False

    async def start(self):
        self.running = True
        return "127.0.0.1", int(os.environ["BENCH_EDITOR_PORT"])

    async def poll(self):
        return None if self.running else 0

    async def stop(self, now=False):
        self.running = False


c = get_config()  # noqa: F821
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.spawner_class = NoopSpawner
c.JupyterHub.bind_url = f"http://127.0.0.1:{os.environ['BENCH_PROXY_PORT']}"
c.JupyterHub.hub_port = int(os.environ["BENCH_HUB_PORT"])
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{os.environ['BENCH_PROXY_API_PORT']}"
c.JupyterHub.log_level = "ERROR"
c.JupyterHub.services = [{"name": "bench", "api_token": os.environ["BENCH_TOKEN"]}]
c.JupyterHub.load_roles = [
    {"name": "bench", "scopes": ["admin:users", "admin:servers"], "services": ["bench"]}
]
