import Gateway
import Yams

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
        guard let root = try compose(yaml), root.tag.description != "tag:yaml.org,2002:null" else {
            return
        }
        try readMapping(root, path: "")
    }

    private func compose(_ yaml: String) throws(SettingsError) -> Node? {
        do {
            return try Yams.compose(yaml: yaml)
        } catch let error as YamlError {
            throw syntaxError(error)
        } catch {
            throw SettingsError(origin: name, reason: "\(error)")
        }
    }

    private func syntaxError(_ error: YamlError) -> SettingsError {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            SettingsError(origin: "\(name):\(mark.line)", reason: "is not YAML: \(problem)")
        case .duplicatedKeysInMapping(let duplicates, let context):
            SettingsError(
                origin: "\(name):\(context.mark.line)",
                path: duplicates.sorted().joined(separator: ", "),
                reason: "is there more than once"
            )
        default: SettingsError(origin: name, reason: "is not YAML: \(error)")
        }
    }

    private func origin(of node: Node) -> String { node.mark.map { "\(name):\($0.line)" } ?? name }

    private func error(at node: Node, _ path: String?, _ reason: String) -> SettingsError {
        SettingsError(origin: origin(of: node), path: path, reason: reason)
    }

    private mutating func readMapping(_ node: Node, path: String) throws(SettingsError) {
        guard case .mapping(let mapping) = node else {
            throw error(at: node, path.isEmpty ? nil : path, "must be a mapping of keys to values")
        }
        let settings = Setting<GatewayConfiguration>.all
        for (key, value) in mapping {
            guard case .scalar(let scalar) = key else {
                throw error(at: key, nil, "a key must be a plain name")
            }
            let childPath = path.isEmpty ? scalar.string : "\(path).\(scalar.string)"
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

    private mutating func readListeners(_ node: Node) throws(SettingsError) {
        guard case .sequence(let sequence) = node else {
            throw error(at: node, "listeners", "must be a list of listeners")
        }
        configuration.listeners = []
        for (index, element) in sequence.enumerated() {
            let path = "listeners[\(index)]"
            origins[path] = origin(of: element)
            configuration.listeners.append(try readListener(element, path: path))
        }
    }

    private mutating func readListener(
        _ node: Node,
        path: String
    ) throws(SettingsError) -> GatewayConfiguration.Listener {
        guard case .mapping(let mapping) = node else {
            throw error(at: node, path, "must be a mapping with a name and a port")
        }
        var listener = GatewayConfiguration.Listener(name: "", port: 0)
        for (key, value) in mapping {
            let name = key.string ?? ""
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
        to node: Node,
        path: String
    ) throws(SettingsError) {
        if let setElements = setting.setElements, case .sequence(let sequence) = node {
            let elements = try sequence.map { element throws(SettingsError) in
                try value(of: element, path: path)
            }
            return setElements(&root, elements)
        }
        let text = try value(of: node, path: path)
        guard let expectation = setting.set(&root, text) else { return }
        throw error(at: node, path, "must be \(expectation), and is '\(text)'")
    }

    private func value(of node: Node, path: String) throws(SettingsError) -> String {
        guard case .scalar(let scalar) = node else {
            throw error(at: node, path, "must be a single value")
        }
        guard node.tag.description != "tag:yaml.org,2002:null" else {
            throw error(at: node, path, "has no value")
        }
        return scalar.string
    }
}

extension Setting<GatewayConfiguration> {
    static var allKeys: [String] { all.map(\.key) + ["listeners"] }
}
