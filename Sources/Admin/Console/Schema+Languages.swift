/// What a field may hold, in the languages of the console.
extension Schema {
    /// What is wrong with a value; `nil` where only the API's own words say it.
    ///
    /// - Parameter detail: the API's words.
    func sentence(for detail: String, in language: Language) -> String? {
        switch language {
        case .english: detail
        case .chinese:
            if detail == Self.missing {
                "不能为空"
            } else if detail == ofValue.unfit {
                "应为 \(ofValue.chinese)"
            } else {
                nil
            }
        }
    }

    /// What a value has to fit that is there.
    private var ofValue: Schema {
        switch self {
        case .nullable(let schema), .optional(let schema), .named(_, let schema),
            .noted(let schema, _):
            schema.ofValue
        case .text, .integer, .flag, .choice, .list, .object, .map, .either: self
        }
    }

    /// As `rule`, in Chinese.
    private var chinese: String {
        switch self {
        case .text(let rule): rule.chinese
        case .integer(let range): "\(range.lowerBound) 至 \(range.upperBound) 的整数"
        case .flag: "是或否"
        case .choice(let names): "\(names.joined(separator: "、"))之一"
        case .list(_, let counts):
            counts == 0...Int.max ? "列表" : "\(Self.chinese(counts)) 项的列表"
        case .object, .either: "JSON 对象"
        case .map(_, _, let counts): "\(Self.chinese(counts)) 个成员的 JSON 对象"
        case .nullable, .optional, .named, .noted: ofValue.chinese
        }
    }

    fileprivate static func chinese(_ range: ClosedRange<Int>) -> String {
        if range.upperBound == Int.max { return "\(range.lowerBound) 或更多" }
        return range.lowerBound == range.upperBound
            ? "\(range.lowerBound)" : "\(range.lowerBound) 至 \(range.upperBound)"
    }
}

extension Schema.Text {
    fileprivate var chinese: String {
        switch format {
        case .time: return "形如 2026-11-21T08:00:00Z 的时间"
        case .day: return "形如 2026-11-21 的日期"
        case .timeOrDay: return "形如 2026-11-21T08:00:00Z 的时间，或形如 2026-11-21 的日期"
        case .email: return "形如 ann@example.org 的电子邮箱地址"
        case nil: break
        }
        if lengths == 0...Int.max, alphabet == .anything { return "文本" }
        return "\(Schema.chinese(lengths)) 个字符（\(alphabet.chinese)）"
    }
}

extension Alphabet {
    fileprivate var chinese: String {
        switch summary {
        case .anything: "任意字符"
        case .printable: "控制字符除外"
        case .topic: "控制字符、+ 和 # 除外"
        case .visible: "可见的 ASCII 字符"
        case .lines: "可见的 ASCII 字符、空格和换行"
        case nil: rule
        }
    }
}
