"""What the page knows of the causes of dead letters, against what stores give as one."""

import json
import subprocess

from actors.stores.base import CAUSES
from tests.process.forebay import ROOT
from web.dashboard.build import find_node

LETTERS = ROOT / "web" / "dashboard" / "src" / "core" / "letters.js"
SCRIPT = f"import({json.dumps(LETTERS.as_uri())}).then((it) => console.log(Object.keys(it.CAUSES).join()))"


def test_the_page_has_a_sentence_for_every_cause() -> None:
    """No store gives a cause that the page cannot explain, and the page offers none to filter by in vain."""
    done = subprocess.run([str(find_node().node), "-e", SCRIPT], capture_output=True, text=True, check=True)
    assert sorted(done.stdout.strip().split(",")) == sorted(CAUSES)
