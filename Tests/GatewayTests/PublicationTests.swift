import MQTT
import Reactor
import Sessions
import Testing

@testable import Gateway

@Suite struct PublicationTests {
    private let client = Token(slot: 3, generation: 1)

    private func place(_ sequence: UInt64) -> StoredAt {
        StoredAt(
            shard: 0,
            session: Token(slot: 8, generation: 1),
            number: SessionNumber(5),
            sequence: sequence
        )
    }

    private var message: QueuedMessage {
        QueuedMessage(
            Message(topic: Array("d/p/d/up/x".utf8), payload: [1], qos: .exactlyOnce),
            DeliveryTerms(qos: .exactlyOnce),
            units: 1
        )
    }

    @Test("[MQTT-4.3.2-4] an acknowledgement waits for each session that writes the message")
    func confirmations() {
        let answer = PublishAnswer.acknowledgement(client, packetID: 7)
        var publication = Publication(.taken)
        publication.note(.decided(.delivered), for: answer.written(on: 0))
        #expect(publication.confirmations == 0)
        publication.note(.pending, for: answer.written(on: 0))
        publication.noteWrite(elsewhereFor: answer.written(on: 0))
        #expect(publication.confirmations == 2)
        #expect(publication.commit.isEmpty)
    }

    @Test("a message that nobody waits for has nothing to wait for")
    func nothing() {
        var publication = Publication(.taken)
        publication.note(.pending, for: PublishAnswer.nothing.written(on: 0))
        publication.noteWrite(elsewhereFor: PublishAnswer.nothing.written(on: 0))
        #expect(publication.confirmations == 0)
        #expect(publication.commit.isEmpty)
    }

    @Test("[MQTT-4.3.3-10] a commit gathers the writes here, and an answer of each other shard")
    func commit() {
        let answer = PublishAnswer.commit(client, packetID: 7)
        var publication = Publication(.taken)
        publication.note(.gathered(place(4), message), for: answer.written(on: 0))
        publication.note(.gathered(place(9), message), for: answer.written(on: 0))
        publication.noteWrite(elsewhereFor: answer.written(on: 0))
        #expect(publication.commit.writes.map(\.0.sequence) == [4, 9])
        #expect(publication.commit.answers == 1)
        #expect(publication.confirmations == 0)
    }
}
