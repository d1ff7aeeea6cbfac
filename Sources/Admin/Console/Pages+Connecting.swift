import Gateway
import Ledger

/// How a product's devices connect: their topics, what proves who they are, and the keys of their tokens.
extension ConsoleRequest {
    func productConnecting(_ product: JSON) async throws -> HTML {
        let path = ["pk": product.text("pk")]
        var html = card(.dialect, dialect(of: product, path))
        if may("listTokenKeys") { html += card(.tokenKeys, try await tokenKeys(path)) }
        return html
    }

    private func dialect(of product: JSON, _ path: [String: String]) -> HTML {
        let proofs = proofs(of: product)
        func patterns(_ name: String) -> [String] {
            (product.at(name)?.array ?? []).compactMap(\.text)
        }
        let (up, down) = (patterns("dialect.up"), patterns("dialect.down"))
        let uncounted = patterns("uncountedTopics")
        let preset = product.text("dialect.preset")
        func shown(_ names: [String]) -> HTML {
            HTML(names.map { "<code>\($0)</code> " as HTML })
        }
        var html = facts([
            (.proofs, names(proofs)), (.preset, "\(preset)"), (.topicsUp, shown(up)),
            (.topicsDown, shown(down)), (.topicsUncounted, shown(uncounted)),
        ])
        let fault = { @Sendable [language] (text: String) in Self.faults(of: text, in: language) }
        html += folded(
            .change,
            FormSpec(
                operation: "setDialect", path: path,
                fields: [
                    .init(
                        name: "proofs", label: .proofs,
                        value: proofs.map(\.name).joined(separator: " "),
                        options: ProofKind.allCases.map {
                            ($0.name, $0.isWeak ? "\($0.name) (\(t(.weak)))" : $0.name)
                        }, isSet: true),
                    .init(name: "preset", label: .preset, value: preset),
                    .init(
                        name: "up", label: .topicsUp,
                        value: preset.isEmpty ? up.joined(separator: "\n") : "",
                        hint: .patternsHint, isLong: true, fault: fault),
                    .init(
                        name: "down", label: .topicsDown,
                        value: preset.isEmpty ? down.joined(separator: "\n") : "", isLong: true,
                        fault: fault),
                ], submit: .save, note: .dialectHint))
        if may("setUncountedTopics") {
            html += folded(
                .topicsUncounted,
                FormSpec(
                    operation: "setUncountedTopics", path: path,
                    fields: [
                        .init(
                            name: "topics", label: .topicsUncounted,
                            value: uncounted.joined(separator: "\n"), hint: .topicsUncountedHint,
                            isLong: true, fault: fault)
                    ], submit: .save))
        }
        guard product.at("dialect") != nil else { return html }
        return html
            + folded(
                .endDialect,
                FormSpec(
                    operation: "endDialect", path: path, submit: .endDialect, note: .dialectHint,
                    look: .danger))
    }

    /// What is wrong with each pattern, one a line; `nil` when nothing is.
    private static func faults(of text: String, in language: Language) -> String? {
        let faults = text.split(whereSeparator: \.isNewline).compactMap { line -> String? in
            do throws(TopicPattern.Fault) {
                _ = try TopicPattern(String(line))
                return nil
            } catch {
                return "\(line): \(error.text(in: language))"
            }
        }
        return faults.isEmpty ? nil : faults.joined(separator: "; ")
    }

    private func tokenKeys(_ path: [String: String]) async throws -> HTML {
        var html: HTML = "<p class=\"soft\">\(t(.tokenKeysHint))</p>"
        html += folded(
            .addTokenKey,
            FormSpec(
                operation: "addTokenKey", path: path,
                fields: [
                    .init(name: "id", label: .tokenKeyID),
                    .init(name: "key", label: .tokenKey, isLong: true, isFile: true),
                    .init(name: "audience", label: .audience, hint: .audienceHint),
                ], submit: .addTokenKey, look: .primary))
        return html
            + (try await list(
                ListSpec(
                    operation: "listTokenKeys", path: path,
                    columns: [
                        code(.tokenKeyID, "id"), column(.algorithm, "algorithm"),
                        column(.audience, "audience"), time(.at, "addedAt"),
                        Column(title: .actions) { key in
                            folded(
                                .remove,
                                FormSpec(
                                    operation: "removeTokenKey",
                                    path: path.merging(["tokenKey": key.text("id")]) { $1 },
                                    submit: .remove, note: .tokenKeyRemovedHint,
                                    confirming: "tokenKey", look: .danger))
                        },
                    ], title: .tokenKeys)))
    }

    /// What proves who a device is.
    private func proofs(of product: JSON) -> [ProofKind] {
        let names = product.at("dialect.proofs")?.array ?? []
        let kinds = names.compactMap { $0.text.flatMap(ProofKind.init(named:)) }
        return kinds.isEmpty ? ProofKinds.standard.kinds : kinds
    }

    private func names(_ proofs: [ProofKind]) -> HTML {
        proofs.reduce(HTML()) { $0 + "<code>\($1.name)</code> " }
    }

    /// A warning where a product accepts proofs that are weak.
    func weakProofs(of product: JSON) -> HTML {
        let weak = proofs(of: product).filter(\.isWeak)
        return weak.isEmpty
            ? HTML() : "<div class=\"alert\"><p>\(t(.proofsWeak)) \(names(weak))</p></div>"
    }
}

extension TopicPattern.Fault {
    fileprivate func text(in language: Language) -> String {
        switch language {
        case .english: description
        case .chinese: chinese
        }
    }

    private var chinese: String {
        switch self {
        case .length: "长度应为 1 至 \(TopicPattern.maximumLength) 字节"
        case .character: "不能包含控制字符"
        case .reserved: "以 $ 开头的主题属于服务器，d/ 下的主题设备可直接使用"
        case .unknownVariable(let name): "没有 ${\(name)}：只能使用 ${pk}、${dk} 和 ${clientId}"
        case .multiLevelWildcard: "# 只能单独位于最后一层"
        case .singleLevelWildcard: "+ 只能单独占一层"
        case .clientIdentifier: "${clientId} 只能单独占一层"
        }
    }
}
