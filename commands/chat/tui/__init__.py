"""``sgl chat`` on the whole screen, with Textual.

`app.ChatApp` holds one `screen.ChatScreen`, which holds a `pane.ChatPane` for each model, one `composer.Composer`,
and panels. A pane shows its conversation in a `transcript.Transcript` and talks through a `session.Session`, whose
events a thread of `stream.AnswerStream` collects; nothing here waits for a server.
"""

import os
from typing import Final

FRAMES_PER_SECOND: Final = 240
"""How often Textual may draw. It draws only what has changed; but after a step that took long its clock waits for up to
two frames, and at its usual 60 a second a key that came meanwhile would be seen up to 33 ms later than need be."""

os.environ.setdefault("TEXTUAL_FPS", str(FRAMES_PER_SECOND))  # Read once, when Textual is imported.
