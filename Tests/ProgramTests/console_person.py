"""A person at the console without a browser, for scripts that look at what pages are made of."""
import http.client
import re
import ssl
import urllib.parse


class Person:
    """A browser without a window: cookies, and forms that are found on pages."""

    def __init__(self, gateway, cookies=None):
        self.gateway = gateway
        self.cookies = dict(cookies or {})

    def ask(self, method, path, fields=None, headers=None, body=None):
        place = urllib.parse.urlsplit(self.gateway.url)
        if place.scheme == "https":
            context = ssl._create_unverified_context()
            connection = http.client.HTTPSConnection(place.hostname, place.port, context=context)
        else:
            connection = http.client.HTTPConnection(place.hostname, place.port)
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if fields is not None:
            body = urllib.parse.urlencode(fields)
            sent["Content-Type"] = "application/x-www-form-urlencoded"
            sent["Origin"] = self.gateway.url
        for name, value in (headers or {}).items():
            if value is None:
                sent.pop(name, None)
            else:
                sent[name] = value
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        self.set = answer.headers.get_all("Set-Cookie") or []
        for cookie in self.set:
            name, value = cookie.split(";")[0].split("=", 1)
            self.cookies[name] = value
        self.status, self.headers, self.text = answer.status, answer.headers, text
        return answer.status

    def hidden(self, name):
        return re.search(f'name="{name}" value="([^"]*)"', self.text).group(1)

    def sign_in(self, token, path="/console/sign-in"):
        self.ask("GET", path)
        return self.ask("POST", "/console/sign-in", {
            "_token": self.hidden("_token"), "next": self.hidden("next"), "token": token})

    def session(self):
        return next(value for name, value in self.cookies.items() if name.endswith("-session"))
