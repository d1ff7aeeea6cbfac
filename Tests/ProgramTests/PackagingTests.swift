import Foundation
import Support
import Testing

/// What `make install`, `make deb` and the Dockerfile are made of. The package itself is tried by `make deb-test`.
@Suite("Packaging")
struct PackagingTests {
    private static let configuration = Program.root.appending(path: "config")

    private func text(_ name: String) throws -> String {
        try String(contentsOf: Self.configuration.appending(path: name), encoding: .utf8)
    }

    @Test(
        "each verb has a manual page, made from the parser, which mandoc finds nothing wrong with")
    func manual() throws {
        let program = try Program()
        defer { program.remove() }
        let made = try program.shell(
            """
            python3 \(Self.configuration.path)/manual.py "$(command -v tollgate)" "$(command -v tollgate-load)" \
            \(Self.configuration.path)/tollgate.yaml man && mandoc -T lint -W warning man/*
            """)
        #expect(made.code == 0, "\(made.output)\(made.errors)")
        let verbs = try program.shell(
            "tollgate --help | sed -n '/^SUBCOMMANDS/,$ s/^  \\([a-z][a-z]*\\) .*/tollgate-\\1.1/p'"
        )
        let pages = try program.shell("ls man")
        let expected = verbs.output.split(separator: "\n").map(String.init)
        #expect(expected.count > 10)
        #expect(
            pages.output.split(separator: "\n").map(String.init)
                == (expected + ["tollgate.1", "tollgate-load.1", "tollgate.yaml.5"]).sorted())
        let page = try program.shell("mandoc -T ascii man/tollgate-device.1 | col -b")
        #expect(page.output.contains("tollgate device move pk dk to --cause cause [--yes]"))
        #expect(page.output.contains("Gives a device's running activation to another one"))
        let load = try program.shell("mandoc -T ascii man/tollgate-load.1 | col -b")
        for text in [
            "tollgate-load storm [--count count] [--concurrency concurrency] [options]",
            "tollgate-load join reports ... [--json] [--html html]",
            "Options of each scenario", "TOLLGATE_LOAD_PASSWORD",
        ] {
            #expect(load.output.contains(text), "\(text): \(load.output)")
        }
    }

    @Test("bash can read the completions of both programs")
    func completions() throws {
        let program = try Program()
        defer { program.remove() }
        for name in ["tollgate", "tollgate-load"] {
            let result = try program.shell(
                "\(name) --generate-completion-script bash >script && bash -n script")
            #expect(result.code == 0, "\(result.errors)")
        }
    }

    @Test("each program is built as a static binary, stripped and installed, with completions")
    func installation() throws {
        let program = try Program()
        defer { program.remove() }
        // Without a binary, so that it would be built.
        let plan = try program.shell(
            """
            cp \(Program.root.path)/Makefile . && mkdir -p .build-static Sources config && touch Package.swift
            make -n install PREFIX=/usr DESTDIR=/nowhere
            """)
        #expect(plan.code == 0, "\(plan.errors)")
        for (name, place) in [
            ("tollgate", "bin"), ("tollgate-load", "bin"), ("tollgate-courier", "libexec"),
        ] {
            let binary = ".build-static/\(name)"
            for line in [
                "--static-swift-stdlib --scratch-path .build-static --disable-index-store",
                "--product \(name) && ", "strip -o \(binary) .build-static/release/\(name) && ",
                "install -D -m 755 \(binary) \"/nowhere/usr/\(place)/\(name)\"",
            ] {
                #expect(plan.output.contains(line), "\(line): \(plan.output)")
            }
            guard place == "bin" else { continue }
            for (shell, file) in [
                ("bash", "bash-completion/completions/\(name)"),
                ("zsh", "zsh/vendor-completions/_\(name)"),
                ("fish", "fish/vendor_completions.d/\(name).fish"),
            ] {
                let line =
                    "\(binary) --generate-completion-script \(shell) >\"/nowhere/usr/share/\(file)\""
                #expect(plan.output.contains(line), "\(line): \(plan.output)")
            }
        }
    }

    @Test("systemd finds nothing wrong with the unit, whose watchdog is fed")
    func unit() throws {
        let program = try Program()
        defer { program.remove() }
        let unit = try text("tollgate.service")
        #expect(unit.contains("\nType=notify\n") && unit.contains("\nWatchdogSec=30\n"))
        // Verifying wants the program to be there.
        let place = program.directory.appending(path: "tollgate.service")
        try unit.replacing("/usr/local/bin/tollgate", with: "/bin/true")
            .write(to: place, atomically: true, encoding: .utf8)
        let result = try program.shell("systemd-analyze verify --man=no \(place.path)")
        #expect(result.code == 0 && result.errors.isEmpty, "\(result.errors)")
    }

    @Test("the kernel has each setting that is set")
    func sysctl() throws {
        let keys = try text("sysctl.conf").split(separator: "\n").filter { !$0.hasPrefix("#") }
            .map { $0.prefix { $0 != " " } }
        #expect(keys.count > 4)
        for key in keys where !key.hasPrefix("-") {
            let path = "/proc/sys/" + key.replacing(".", with: "/")
            #expect(FileManager.default.fileExists(atPath: path), "\(key)")
        }
    }

    @Test("the installed configuration has the unit's paths, and the rest is as it was")
    func installed() throws {
        let program = try Program()
        defer { program.remove() }
        let result = try program.shell(
            "cd \(Self.configuration.path) && sed -f installed.sed tollgate.yaml | diff tollgate.yaml -"
        )
        let added = result.output.split(separator: "\n").filter { $0.hasPrefix(">") }
            .map { $0.dropFirst(2).trimmingCharacters(in: .whitespaces) }
        #expect(
            added.filter { !$0.hasPrefix("#") }.map { $0.prefix { $0 != "#" } }
                .map { $0.trimmingCharacters(in: .whitespaces) }
                == [
                    "data: /var/lib/tollgate", "certificate: /etc/tollgate/tls/cert.pem",
                    "key: /etc/tollgate/tls/key.pem",
                ])
        let unit = try text("tollgate.service")
        #expect(unit.contains("--config /etc/tollgate/tollgate.yaml --data /var/lib/tollgate\n"))
    }

    @Test(
        "hadolint finds nothing wrong with the Dockerfile, which starts no root and has a health check"
    )
    func dockerfile() throws {
        let program = try Program()
        defer { program.remove() }
        let result = try program.run(
            [Self.configuration.appending(path: "docker/Dockerfile").path],
            executable: Program.root.appending(path: ".build-venv/bin/hadolint"))
        #expect(result.code == 0, "\(result.output)\(result.errors)")
        let lines = try text("docker/Dockerfile").split(separator: "\n")
        let last = lines.lastIndex { $0.hasPrefix("FROM ") } ?? 0
        let image = lines[last...]
        #expect(lines.count { $0.hasPrefix("FROM ") } == 2)
        #expect(image.contains("USER 10001:10001"))
        let check = image.firstIndex { $0.hasPrefix("HEALTHCHECK") }
        #expect(check.map { image[$0 + 1].contains("\"tollgate\", \"probe\"") } == true)
    }

    @Test("`make run` builds when anything has changed, and only then")
    func stamp() throws {
        let program = try Program()
        defer { program.remove() }
        // A compiler that counts.
        let compiler = """
            #!/bin/sh
            if [ "$1" = --version ]; then cat version; exit; fi
            echo "$*" >>builds
            [ "$5" = tollgate-courier ] || echo "$*" >>programs
            mkdir -p .build/release
            cp /bin/true .build/release/tollgate
            """
        let setup = try program.shell(
            """
            set -e; cp \(Program.root.path)/Makefile .; mkdir bin Sources Sources/CRevision
            echo 1 >version; touch Package.swift Sources/a Sources/b Sources/CRevision/revision.c
            cat >bin/swift <<'END'
            \(compiler)
            END
            chmod +x bin/swift; touch -d 2001-01-01 old
            """)
        #expect(setup.code == 0, "\(setup.errors)")
        func builds(after change: String) throws -> Int {
            let result = try program.shell(
                "\(change) && PATH=$PWD/bin:$PATH make program >make.log 2>&1 && wc -l <programs || cat make.log"
            )
            return Int(result.output.trimmingCharacters(in: .whitespacesAndNewlines)) ?? -1
        }
        #expect(try builds(after: "true") == 1)
        #expect(try builds(after: "true") == 1)
        #expect(try builds(after: "echo x >Sources/a") == 2)
        #expect(try builds(after: "true") == 2)
        #expect(try builds(after: "mv old Sources/b") == 3, "an older file in its place")
        #expect(try builds(after: "rm Sources/b") == 4)
        #expect(try builds(after: "echo 2 >version") == 5, "another compiler")
        #expect(try builds(after: "rm .build/release/tollgate") == 6)
        #expect(try builds(after: "true") == 6)
        let arguments = try program.shell("sort -u builds")
        let call = "build -c release --product tollgate"
        #expect(arguments.output == "\(call)\n\(call)-courier\n")
    }
}
