/// How the page of the API looks, by day and by night, on a screen and on a phone.
enum PageStyle {
    static let text = """
        :root{color-scheme:light dark;--back:#fff;--text:#1a1a1a;--soft:#5a6069;--line:#d8dce2;--panel:#f5f6f8;--link:#0b57a4}
        @media (prefers-color-scheme:dark){:root{--back:#15181c;--text:#e8eaed;--soft:#a3abb5;--line:#363c44;--panel:#1e2329;--link:#8ab8f0}}
        *{box-sizing:border-box}
        body{margin:0 auto;max-width:64rem;padding:0 1rem 4rem;background:var(--back);color:var(--text);font:16px/1.5 system-ui,sans-serif}
        a{color:var(--link)}
        h1{font-size:1.5rem;margin:1.2rem 0 .4rem}
        h2{font-size:1.2rem;margin:2rem 0 .6rem;border-bottom:1px solid var(--line)}
        h3{font-size:1rem;margin:1.4rem 0 .4rem}
        h4{font-size:.95rem;margin:1rem 0 .3rem}
        p{margin:.4rem 0}
        code,pre{font:.875rem/1.45 ui-monospace,monospace}
        code{overflow-wrap:anywhere}
        pre{background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:.7rem;overflow-x:auto;margin:.4rem 0}
        header{padding-bottom:.5rem}
        nav a{display:inline-block;padding:.15rem .4rem;margin:.1rem 0}
        input{width:100%;padding:.6rem .7rem;font:inherit;color:inherit;background:var(--panel);border:1px solid var(--line);border-radius:6px}
        details{border:1px solid var(--line);border-radius:6px;margin:.4rem 0;padding:0 .8rem}
        details[open]{padding-bottom:.8rem}
        summary{cursor:pointer;padding:.5rem 0;overflow-wrap:anywhere}
        summary span:last-child{color:var(--soft)}
        .method{display:inline-block;min-width:4rem;font:600 .8rem ui-monospace,monospace}
        .get{color:#1a7f37}.post{color:#0b57a4}.put,.patch{color:#9a5b00}.delete{color:#b42318}
        @media (prefers-color-scheme:dark){.get{color:#5fce7f}.post{color:#8ab8f0}.put,.patch{color:#e5ac52}.delete{color:#ff8f85}}
        .wide{overflow-x:auto}
        table{border-collapse:collapse;width:100%;font-size:.9rem}
        th,td{text-align:left;vertical-align:top;padding:.3rem .5rem .3rem 0;border-bottom:1px solid var(--line)}
        th{color:var(--soft);font-weight:600}
        [hidden]{display:none}
        @media (max-width:40rem){body{padding:0 .6rem 3rem}details{padding:0 .5rem}table{min-width:30rem}}
        """
}

/// Searching the page; without it all is there still.
enum PageScript {
    static let text = """
        const field = document.getElementById("search");
        const found = document.getElementById("found");
        const all = [...document.querySelectorAll("details.operation")];
        const texts = all.map((one) => one.textContent.toLowerCase());
        field.hidden = false;
        field.addEventListener("input", () => {
          const words = field.value.toLowerCase().split(/\\s+/).filter(Boolean);
          let count = 0;
          all.forEach((one, index) => {
            one.hidden = !words.every((word) => texts[index].includes(word));
            if (!one.hidden) count += 1;
          });
          for (const part of document.querySelectorAll("main > section")) {
            const mine = [...part.querySelectorAll("details.operation")];
            part.hidden = words.length > 0 && mine.every((one) => one.hidden);
          }
          found.textContent = words.length ? `${count} of ${all.length} operations` : "";
        });
        const open = () => {
          const one = document.getElementById(decodeURIComponent(location.hash.slice(1)));
          if (one instanceof HTMLDetailsElement) { one.open = true; one.scrollIntoView(); }
        };
        addEventListener("hashchange", open);
        open();
        """
}
