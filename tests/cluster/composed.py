"""The services of docker-compose.yml, started in their order, each by its own command: what can be told of
the file without a container engine."""

import json
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.cluster import compose_file
from tests.cluster.compose_file import ROOT, Container
from tests.cluster.hosts import Shop
from tests.cluster.needs import Programs
from tests.cluster.postgresql import Postgresql
from tests.cluster.programs import Program, is_open
from tests.fixtures.steering.waiting import wait_until

HEALTHY_SECONDS = 120
STEP_SECONDS = 180
FIRST_ADDRESS = 20
"""Of 127.0.17.x; the nodes of the cluster are below."""


class Composed:
    def __init__(self, programs: Programs, folder: Path, say: Callable[[str], None]) -> None:
        self._programs, self._folder, self._say = programs, folder, say
        self._running: list[Program] = []
        services = compose_file.services()
        addresses = {name: f"127.0.17.{FIRST_ADDRESS + place}" for place, name in enumerate(services)}
        self.containers = {
            name: Container(name, service, addresses, folder)
            for name, service in services.items()
            if str(service["image"]).partition(":")[0] in compose_file.IMAGES
        }
        self.left_out = [name for name in services if name not in self.containers]
        self._path = f"{self._bin()}:{programs.path}"

    def start(self) -> None:
        """Raises AssertionError for a step that fails, TimeoutError for a service that is never well."""
        for name, container in self.containers.items():
            self._say(f"  {name}: {' '.join(container.command)}")
            if name == "postgresql":
                self._postgresql(container)
            elif container.image == "prom/prometheus":
                self._prometheus(container)
            elif any(word in container.command for word in ("migrate", "/bin/sh")):
                self._step(container)
            else:
                self._service(container)

    def use(self) -> list[str]:
        """Orders from inside, as the file's head says, and what each door then says of them."""
        worker, pages = self.containers["worker"], self.containers["pages"]
        shop = Shop(worker.environment, self._folder)
        done = shop.starter("submit", "-", stdin=(ROOT / "examples" / "orders.json").read_text())
        audit = shop.starter("audit")
        secret = pages.environment["ORDER_WEB_KEYS"].rpartition(":")[2]
        request = urllib.request.Request(
            f"http://{pages.address}:8080/api/orders", headers={"Authorization": f"Bearer {secret}"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            listed = answer.read().decode().count('"order_id"')
        assert listed == len(done), (listed, done)
        told = [f"{len(done)} orders submitted and listed by the pages, audit clean: {audit['clean']}"]
        if "prometheus" in {program.name for program in self._running}:
            told.append(f"Prometheus scrapes {self._scraped()} of its 3 targets")
        return told

    def stop(self) -> None:
        for program in reversed(self._running):
            program.kill()

    def _bin(self) -> Path:
        """`python` is ours, as in the image, and not the system's."""
        folder = self._folder / "bin"
        folder.mkdir()
        (folder / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        (folder / "python").chmod(0o755)
        return folder

    def _environment(self, container: Container) -> dict[str, str]:
        return {"PATH": self._path, "HOME": str(self._folder), **container.environment}

    def _folder_of(self, container: Container) -> Path:
        return ROOT if container.image == "order-system" else container.folder

    def _postgresql(self, container: Container) -> None:
        """And what its image does with the first start: the scripts of one folder."""
        server = Postgresql(self._programs, self._folder, container.address)
        server.start()
        self._running.append(server)
        script = container.script("/docker-entrypoint-initdb.d/create-orders-database.sh")
        environment = {**self._environment(container), "PGHOST": container.address}
        self._run(container, ["/bin/sh", str(script)], environment)
        self._healthy(container)

    def _prometheus(self, container: Container) -> None:
        if self._programs.prometheus is None:
            self._say("    left out: no prometheus")
            return
        checker = self._programs.prometheus / "promtool"
        real = ROOT / "deploy" / "prometheus" / "compose.yaml"
        subprocess.run([checker, "check", "config", real], check=True, capture_output=True, timeout=60)
        config = container.script("/etc/prometheus/compose.yaml")
        yaml = YAML()
        document = yaml.load(config)
        for job in document["scrape_configs"]:  # no DNS tells here how many workers there are
            for look in job.pop("dns_sd_configs", []):
                found = [f"{self.containers[name].address}:{look['port']}" for name in look["names"]]
                job["static_configs"] = [{"targets": found}]
        document["global"]["scrape_interval"] = "1s"
        yaml.dump(document, config)
        command = [*container.command, f"--web.listen-address={container.address}:9090"]
        self._start(container, command)
        wait_until(lambda: is_open(container.address, 9090), HEALTHY_SECONDS, "Prometheus")

    def _service(self, container: Container) -> None:
        self._start(container, container.command)
        if container.health:
            self._healthy(container)
        else:
            self._running[-1].says("worker ready", HEALTHY_SECONDS)

    def _start(self, container: Container, command: list[str]) -> None:
        program = Program(
            container.name,
            command,
            self._environment(container),
            self._folder,
            cwd=self._folder_of(container),
        )
        program.command[0] = shutil.which(command[0], path=self._path) or command[0]
        program.start()
        self._running.append(program)

    def _step(self, container: Container) -> None:
        """Once: whoever starts a container again and again hides that it fails."""
        command = container.command
        schema = str(self._programs.temporal / "schema")
        for word in command:
            if word.endswith(".sh"):  # whose image brings the tables of Temporal
                Path(word).write_text(Path(word).read_text().replace("/etc/temporal/schema", schema))
        self._run(container, command, self._environment(container))

    def _run(self, container: Container, command: list[str], environment: dict[str, str]) -> None:
        program = shutil.which(command[0], path=self._path) or command[0]
        done = subprocess.run(
            [program, *command[1:]],
            env=environment,
            cwd=self._folder_of(container),
            capture_output=True,
            text=True,
            timeout=STEP_SECONDS,
            check=False,
        )
        assert done.returncode == 0, (
            f"{container.name} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        )

    def _healthy(self, container: Container) -> None:
        test = container.health

        def well() -> bool:
            if not self._running[-1].is_running():
                raise RuntimeError(f"{container.name} has ended:\n{self._running[-1].tail()}")
            if test[:2] == ["nc", "-z"]:  # which this machine need not have
                return is_open(test[2], int(test[3]))
            program = shutil.which(test[0], path=self._path) or test[0]
            done = subprocess.run(
                [program, *test[1:]], env={"PATH": self._path}, capture_output=True, timeout=30, check=False
            )
            return done.returncode == 0

        wait_until(well, HEALTHY_SECONDS, f"{container.name}: {' '.join(test)}")

    def _scraped(self) -> int:
        where = f"http://{self.containers['prometheus'].address}:9090/api/v1/query?query=up"

        def up() -> list[Any]:
            with urllib.request.urlopen(where, timeout=10) as answer:
                return [each for each in json.load(answer)["data"]["result"] if each["value"][1] == "1"]

        wait_until(lambda: len(up()) == 3, HEALTHY_SECONDS, "Prometheus to scrape worker, pages and server")
        return len(up())
