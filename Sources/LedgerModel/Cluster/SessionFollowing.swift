package import Bytes
package import Encoding

/// Who keeps a node's stored sessions besides itself.
public struct SessionFollowing: Hashable, Sendable {
    /// 1, 2, 3, ...: one more with each change.
    public let number: UInt64

    /// The node that has all of them; `nil`: none has.
    public let follower: NodeName?

    /// The follower has taken them over: what the node itself has of them is void.
    public let isInherited: Bool

    /// Who has taken sessions of the node over, and is yet to say that it has put them among its own: the oldest first.
    /// They stay when the node begins anew, so a follower hears of it whenever it looks.
    public let heirs: [SessionHeir]

    public init(
        number: UInt64, follower: NodeName?, isInherited: Bool, heirs: [SessionHeir] = []
    ) {
        self.number = number
        self.follower = follower
        self.isInherited = isInherited
        self.heirs = heirs
    }
}

/// A node that has taken over stored sessions of another one.
public struct SessionHeir: Hashable, Sendable {
    public let node: NodeName

    /// Of the record that said so; its copy has the number before as its mark.
    public let number: UInt64

    public init(node: NodeName, number: UInt64) {
        self.node = node
        self.number = number
    }
}

extension SessionHeir: RecordField {
    package func encode(into buffer: inout ByteBuffer) { buffer.append(fields: node, number) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(node:number:))
    }
}

extension SessionFollowing: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: number, follower, isInherited, heirs)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(number:follower:isInherited:heirs:))
    }
}
