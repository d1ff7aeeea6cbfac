package import Bytes
package import Encoding
public import Time

/// What a gateway, or its operator, says about the clock that the commands' times come from (rule B16).
public enum ClockAction: Hashable, Sendable {
    /// A sign of life: the clock has come this far, unless the books doubt it.
    ///
    /// - `aheadMilliseconds`: how much further than the last sign of life a clock may be; 0: clocks are
    ///   not looked at.
    /// - `elapsedMilliseconds`: what has passed since the last one by a clock that nobody sets.
    case beat(aheadMilliseconds: UInt64, elapsedMilliseconds: UInt64)

    /// An operator has looked: the time of this command is right, whatever the books hold of it.
    case confirm
}

extension ClockAction: ActionPart {
    enum Tag: UInt16, RecordTag {
        case beat = 0x38_01
        case confirm = 0x38_02
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .beat(let ahead, let elapsed): buffer.append(Tag.beat, ahead, elapsed)
        case .confirm: buffer.append(Tag.confirm)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .beat: try reader.make(Self.beat)
            case .confirm: .confirm
            }
    }

    var asked: ClockAction {
        switch self {
        case .beat, .confirm: self
        }
    }
}

/// A fact about the clock.
public enum ClockChange: Hashable, Sendable {
    /// An operator has confirmed it; `before` is how far the books had known time to be, `nil` when
    /// they did not look (rule B16).
    case confirmed(before: Timestamp?)
}

extension ClockChange: ChangePart {
    enum Tag: UInt16, RecordTag { case confirmed = 71 }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .confirmed(let before): buffer.append(Tag.confirmed, before)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .confirmed: try reader.make(Self.confirmed)
            }
    }

    var name: String {
        switch self {
        case .confirmed: "clock-confirmed"
        }
    }
}

/// Why a clock is not believed (rule B16). `known` is the last time that the books are sure of.
public enum ClockDoubt: Hashable, Sendable, CustomStringConvertible {
    /// The clock is before that.
    case behind(known: Timestamp)

    /// It is further ahead of it than the limit.
    case ahead(known: Timestamp)

    public var known: Timestamp {
        switch self {
        case .behind(let known), .ahead(let known): known
        }
    }

    /// Its name in the API.
    public var name: String {
        switch self {
        case .behind: "behind"
        case .ahead: "ahead"
        }
    }

    public var description: String {
        switch self {
        case .behind(let known):
            "the clock is before \(known), which the books have seen: set it right, or confirm it"
        case .ahead(let known):
            "the clock is too far ahead of \(known), the last that the books have seen: set it right,"
                + " or confirm it"
        }
    }
}

extension ClockDoubt: RefusalPart {
    enum Tag: UInt16, RecordTag {
        case behind = 0x50_01
        case ahead = 0x50_02
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .behind(let known): buffer.append(Tag.behind, known)
        case .ahead(let known): buffer.append(Tag.ahead, known)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .behind: try reader.make(Self.behind)
            case .ahead: try reader.make(Self.ahead)
            }
    }
}
