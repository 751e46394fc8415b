"""An SMS gateway that sends nothing: each message it takes becomes one line on standard output."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Sink(BaseHTTPRequestHandler):
    """Takes every message, and gives it a receipt."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        print(body.decode("utf-8").replace("\n", " "), flush=True)
        answer = b'{"id": "taken"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Nothing but messages is said."""


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", 8080), Sink).serve_forever()  # noqa: S104  # its network is its own
