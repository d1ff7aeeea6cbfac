import Gateway

/// Reads the YAML file over a configuration, and remembers the line of every key.
struct SettingsFile {
    /// The file's name, as the operator gave it.
    let name: String
    private(set) var configuration: GatewayConfiguration

    /// `limits.packetSizeBytes` to `config/tollgate.yaml:12`.
    private(set) var origins: [String: String] = [:]

    init(
        name: String,
        yaml: String,
        over configuration: GatewayConfiguration
    ) throws(SettingsError) {
        self.name = name
        self.configuration = configuration
        guard let root = try document(in: yaml), !root.isNull else { return }
        try readMapping(root, path: "")
    }

    private func document(in yaml: String) throws(SettingsError) -> YAML? {
        do throws(YAML.Problem) {
            return try YAML.document(in: yaml)
        } catch {
            switch error {
            case .syntax(let problem, let line):
                throw SettingsError(origin: "\(name):\(line)", reason: "is not YAML: \(problem)")
            case .duplicateKeys(let keys, let line):
                throw SettingsError(
                    origin: "\(name):\(line)", path: keys.joined(separator: ", "),
                    reason: "is there more than once")
            }
        }
    }

    private func origin(of node: YAML) -> String { "\(name):\(node.line)" }

    private func error(at node: YAML, _ path: String?, _ reason: String) -> SettingsError {
        SettingsError(origin: origin(of: node), path: path, reason: reason)
    }

    private mutating func readMapping(_ node: YAML, path: String) throws(SettingsError) {
        guard case .mapping(let members, _) = node else {
            throw error(at: node, path.isEmpty ? nil : path, "must be a mapping of keys to values")
        }
        let settings = Setting<GatewayConfiguration>.all
        for (key, value) in members {
            guard let name = key.text else {
                throw error(at: key, nil, "a key must be a plain name")
            }
            let childPath = path.isEmpty ? name : "\(path).\(name)"
            origins[childPath] = origin(of: key)
            if childPath == "listeners" {
                try readListeners(value)
            } else if let setting = settings.first(where: { $0.key == childPath }) {
                try set(setting, of: &configuration, to: value, path: childPath)
            } else if settings.contains(where: { $0.key.hasPrefix(childPath + ".") }) {
                try readMapping(value, path: childPath)
            } else {
                throw error(
                    at: key, childPath, UnknownKey.reason(childPath, among: Setting.allKeys))
            }
        }
    }

    private mutating func readListeners(_ node: YAML) throws(SettingsError) {
        guard case .sequence(let elements, _) = node else {
            throw error(at: node, "listeners", "must be a list of listeners")
        }
        configuration.listeners = []
        for (index, element) in elements.enumerated() {
            let path = "listeners[\(index)]"
            origins[path] = origin(of: element)
            configuration.listeners.append(try readListener(element, path: path))
        }
    }

    private mutating func readListener(
        _ node: YAML,
        path: String
    ) throws(SettingsError) -> GatewayConfiguration.Listener {
        guard case .mapping(let members, _) = node else {
            throw error(at: node, path, "must be a mapping with a name and a port")
        }
        var listener = GatewayConfiguration.Listener(name: "", port: 0)
        for (key, value) in members {
            let name = key.text ?? ""
            let childPath = "\(path).\(name)"
            origins[childPath] = origin(of: key)
            let settings = Setting<GatewayConfiguration.Listener>.all
            guard let setting = settings.first(where: { $0.key == name }) else {
                let names = settings.map { "\(path).\($0.key)" }
                throw error(at: key, childPath, UnknownKey.reason(childPath, among: names))
            }
            try set(setting, of: &listener, to: value, path: childPath)
        }
        for needed in ["name", "port"] where origins["\(path).\(needed)"] == nil {
            throw error(at: node, "\(path).\(needed)", "is missing")
        }
        return listener
    }

    private func set<Root>(
        _ setting: Setting<Root>,
        of root: inout Root,
        to node: YAML,
        path: String
    ) throws(SettingsError) {
        if let setElements = setting.setElements, case .sequence(let elements, _) = node {
            let texts = try elements.map { element throws(SettingsError) in
                try value(of: element, path: path)
            }
            return setElements(&root, texts)
        }
        let text = try value(of: node, path: path)
        guard let expectation = setting.set(&root, text) else { return }
        throw error(at: node, path, "must be \(expectation), and is '\(text)'")
    }

    private func value(of node: YAML, path: String) throws(SettingsError) -> String {
        guard let text = node.text else {
            throw error(at: node, path, "must be a single value")
        }
        guard !node.isNull else { throw error(at: node, path, "has no value") }
        return text
    }
}

extension Setting<GatewayConfiguration> {
    static var allKeys: [String] { all.map(\.key) + ["listeners"] }
}
