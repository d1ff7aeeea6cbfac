import Cryptography
import HTTPTypes
import Hummingbird

/// What pages load, all of it from inside the binary. A name has the content's digest, so that a browser keeps it for good.
enum ConsoleAssets {
    struct Asset: Sendable {
        let type: String
        let bytes: [UInt8]
        let name: String

        init(_ name: String, _ ending: String, _ type: String, _ text: String) {
            bytes = Array(text.utf8)
            self.type = type
            self.name = "\(name)-\(Self.digest(of: text)).\(ending)"
        }

        private static func digest(of text: String) -> String {
            let digest = SHA256.hash(Array(text.utf8).span)
            return hexadecimal((0..<8).map { digest.span[$0] })
        }

        var path: String { "/console/assets/\(name)" }
    }

    static let style = Asset("console", "css", "text/css; charset=utf-8", ConsoleStyle.text)
    static let script = Asset("console", "js", "text/javascript; charset=utf-8", ConsoleScript.text)
    static let icon = Asset(
        "icon", "svg", "image/svg+xml",
        """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20"><rect width="20" height="20" rx="4" fill="#175c4c"/><path fill="#fff" d="M4 16V4h2.500v12zM13.500 16V4H16v12zM6.500 7h7v2.500h-7z"/></svg>
        """)

    static func answer(_ name: String, _ request: Request) throws(Problem) -> Response {
        guard let asset = [style, script, icon].first(where: { $0.name == name }) else {
            throw .notFound("no such file")
        }
        var response = Response(.ok, asset.type, asset.bytes)
        response.headers[.cacheControl] = "public, max-age=31536000, immutable"
        response.headers[.eTag] = "\"\(asset.name)\""
        return response
    }
}

extension Language {
    /// What a request asks for: the switch's cookie, else the first language of `Accept-Language` that there is
    /// (RFC 9110, 12.5.4; weights are not looked at, as browsers send the best one first), else English.
    init(of request: Request) {
        if let chosen = request.cookie(Console.languageCookie).flatMap(Language.init(rawValue:)) {
            self = chosen
            return
        }
        let asked = request.headers[.acceptLanguage]?.split(separator: ",") ?? []
        let found = asked.lazy.compactMap { range in
            Language(rawValue: range.drop { $0 == " " }.prefix { $0.isLetter }.lowercased())
        }
        self = found.first ?? .english
    }
}

enum ConsoleScript {
    static let text = """
        // Streams: what comes is put in front; a filter hides, a pause holds back.
        for (const part of document.querySelectorAll("[data-stream]")) {
          const list = part.querySelector("ol");
          const standing = part.querySelector("[data-standing]");
          const filter = part.querySelector("input");
          const pause = part.querySelector("[data-pause]");
          const say = (name) => { standing.textContent = part.querySelector(name).textContent; };
          const sift = (line) => { line.hidden = !line.textContent.toLowerCase().includes(filter.value.toLowerCase()); };
          filter.addEventListener("input", () => { for (const line of list.children) sift(line); });
          pause.addEventListener("click", () => {
            pause.setAttribute("aria-pressed", String(pause.getAttribute("aria-pressed") !== "true"));
          });
          const show = (data) => {
            if (pause.getAttribute("aria-pressed") === "true") return;
            const line = document.createElement("li");
            for (const [name, value] of Object.entries(JSON.parse(data))) {
              if (value === null) continue;
              const term = document.createElement("b");
              term.textContent = name;
              line.append(term, " ", typeof value === "object" ? JSON.stringify(value) : String(value), "  ");
            }
            sift(line);
            list.prepend(line);
            while (list.children.length > 500) list.lastChild.remove();
          };
          // Names of events are many, so the stream is read as it is, not by an EventSource.
          const read = async () => {
            const answer = await fetch(part.dataset.stream, { headers: { accept: "text/event-stream" } });
            if (!answer.ok || answer.redirected) return false;
            say("[data-open]");
            const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
            let rest = "";
            for (;;) {
              const { value, done } = await reader.read();
              if (done) return true;
              rest += value;
              const parts = rest.split("\\n\\n");
              rest = parts.pop();
              for (const one of parts) {
                const data = one.split("\\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
                if (data.length) show(data.join("\\n"));
              }
            }
          };
          const run = async () => {
            for (;;) {
              let goesOn = true;
              try { goesOn = await read(); } catch { goesOn = true; }
              say("[data-closed]");
              if (!goesOn) return;
              await new Promise((done) => setTimeout(done, 2000));
            }
          };
          run();
        }
        // A choice that only shows more is sent at once; by the keyboard it is sent by its button, as arrows pass by others.
        for (const form of document.querySelectorAll("form[data-live]")) {
          let isByKeys = false;
          form.addEventListener("keydown", () => { isByKeys = true; });
          form.addEventListener("pointerdown", () => { isByKeys = false; });
          form.addEventListener("change", () => { if (!isByKeys) form.requestSubmit(); });
        }
        // A form is sent once.
        for (const form of document.querySelectorAll("form[method=post]:not([enctype])")) {
          form.addEventListener("submit", () => {
            setTimeout(() => { for (const one of form.querySelectorAll("button")) one.disabled = true; });
          });
        }
        // A file is sent with its progress shown, and the answer saved; without this a browser does both by itself.
        const prepare = (form) => {
          form.addEventListener("change", () => {
            // Another file is another request.
            const bytes = crypto.getRandomValues(new Uint8Array(32));
            form.elements._once.value = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
          });
          form.addEventListener("submit", (event) => {
            event.preventDefault();
            const [bar, said, button] = ["progress", "[role=status]", "button"].map((name) => form.querySelector(name));
            if (form.elements._file.files[0]?.size > form.dataset.maximum) {
              said.textContent = form.dataset.large;
              return;
            }
            const request = new XMLHttpRequest();
            const end = (text) => { bar.hidden = true; button.disabled = false; said.textContent = text; };
            request.open("POST", location.href);
            request.responseType = "blob";
            request.upload.addEventListener("progress", ({ loaded, total }) => { bar.max = total; bar.value = loaded; });
            request.addEventListener("error", () => end(form.dataset.failed));
            request.addEventListener("load", async () => {
              if (new URL(request.responseURL).pathname !== location.pathname) return location.assign(request.responseURL);
              if (request.getResponseHeader("content-disposition")) {
                end(form.dataset.taken + " ");
                // It stays on the page, should the browser not save it now.
                const link = document.createElement("a");
                link.href = URL.createObjectURL(request.response);
                link.textContent = link.download = "devices.csv";
                said.append(link);
                link.click();
                return;
              }
              const page = new DOMParser().parseFromString(await request.response.text(), "text/html");
              const main = page.querySelector("main");
              // What stands between may have answered, and the gateway have done it all the same: sent again, it is answered.
              if (!main) return end(form.dataset.failed);
              document.querySelector("main").replaceWith(main);
              document.querySelectorAll("form[enctype]").forEach(prepare);
              main.querySelector("[autofocus]")?.focus();
            });
            bar.hidden = false;
            button.disabled = true;
            request.send(new FormData(form));
          });
        };
        document.querySelectorAll("form[enctype]").forEach(prepare);
        // A text can come out of a file.
        for (const input of document.querySelectorAll("[data-fills]")) {
          input.hidden = false;
          input.addEventListener("change", async () => {
            const file = input.files[0];
            if (file) document.getElementById(input.dataset.fills).value = await file.slice(0, 65536).text();
          });
        }
        addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
        """
}
