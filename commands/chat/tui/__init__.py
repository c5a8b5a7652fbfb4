"""``sgl chat`` on the whole screen, with Textual.

`app.ChatApp` holds one `screen.ChatScreen`, which holds a `pane.ChatPane` for each model, one `composer.Composer`,
and panels. A pane shows its conversation in a `transcript.Transcript` and talks through a `session.Session`, whose
events a thread of `stream.AnswerStream` collects; nothing here waits for a server.
"""
