public import Bytes
public import Encoding

/// What the courier is to do: an HTTP request, a POST, or a message that goes to a mail server.
public struct CourierJob: Hashable, Sendable {
    /// Tells it from the others under way.
    public let number: UInt64
    public let url: String

    /// Names and values, without line feeds.
    public let headers: [Header]
    /// Of a mail, all of the message (RFC 5322).
    public let body: [UInt8]

    /// `nil`: it is an HTTP request.
    public let mail: CourierMail?

    /// Until the answer has come whole.
    public let timeoutMilliseconds: UInt32

    public struct Header: Hashable, Sendable {
        public let name: String
        public let value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    public init(
        number: UInt64, url: String, headers: [Header], body: [UInt8], timeoutMilliseconds: UInt32
    ) {
        self.number = number
        mail = nil
        self.url = url
        self.headers = headers
        self.body = body
        self.timeoutMilliseconds = timeoutMilliseconds
    }

    /// A message for a mail server.
    public init(
        number: UInt64, mail: CourierMail, body: [UInt8], timeoutMilliseconds: UInt32
    ) {
        self.number = number
        self.mail = mail
        url = mail.url
        headers = []
        self.body = body
        self.timeoutMilliseconds = timeoutMilliseconds
    }
}

/// What came of a job.
public struct CourierOutcome: Hashable, Sendable {
    public let number: UInt64

    /// HTTP's, or the mail server's last reply code; 0 when no answer came.
    public let status: UInt32
    public let milliseconds: UInt32

    /// Why no answer came, or why the mail server did not take the message, for people; empty when all is well.
    public let error: String

    /// The first bytes of the answer's body, at most `bodyMaximum`; of a mail, the server's last line.
    public let body: [UInt8]

    /// How long the receiver asks to be left alone (`Retry-After`, RFC 9110, section 10.2.3), in seconds; 0: it does not
    /// say.
    public let retryAfterSeconds: UInt32

    /// The request was not made, for a reason of the gateway's own: nothing was asked of the receiver. Not among the
    /// bytes, as the courier never says so.
    public var isUnsent = false

    /// In bytes.
    public static var bodyMaximum: Int { 1_024 }

    public init(
        number: UInt64, status: UInt32, milliseconds: UInt32, error: String, body: [UInt8] = [],
        retryAfterSeconds: UInt32 = 0
    ) {
        self.number = number
        self.status = status
        self.milliseconds = milliseconds
        self.error = error
        self.body = body
        self.retryAfterSeconds = retryAfterSeconds
    }
}

/// What goes over the socket between the gateway and its courier, both of one release.
public protocol CourierMessage: Sendable {
    func encode(into buffer: inout ByteBuffer)

    /// Reads what `encode` wrote; throws when the bytes are not that.
    init(from reader: inout ByteReader) throws(MalformedRecord)
}

extension CourierJob: CourierMessage {
    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(number)
        buffer.append(timeoutMilliseconds)
        buffer.append(text: url)
        buffer.append(list: headers) { buffer, header in
            buffer.append(text: header.name)
            buffer.append(text: header.value)
        }
        buffer.append(counted: body.span)
        buffer.append(mail != nil)
        mail?.encode(into: &buffer)
    }

    public init(from reader: inout ByteReader) throws(MalformedRecord) {
        number = try reader.takeUInt64()
        timeoutMilliseconds = try reader.takeUInt32()
        url = try reader.takeText()
        headers = try reader.takeList { (reader) throws(MalformedRecord) in
            Header(try reader.takeText(), try reader.takeText())
        }
        body = try reader.takeCounted().bytesArray
        mail = try reader.takeBool() ? try CourierMail(from: &reader) : nil
    }
}

extension CourierOutcome: CourierMessage {
    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(number)
        buffer.append(status)
        buffer.append(milliseconds)
        buffer.append(text: error)
        buffer.append(counted: body.span)
        buffer.append(retryAfterSeconds)
    }

    public init(from reader: inout ByteReader) throws(MalformedRecord) {
        number = try reader.takeUInt64()
        status = try reader.takeUInt32()
        milliseconds = try reader.takeUInt32()
        error = try reader.takeText()
        body = try reader.takeCounted().bytesArray
        retryAfterSeconds = try reader.takeUInt32()
    }
}
