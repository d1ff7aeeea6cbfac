import Processes
import Testing

@Suite(.computes) struct SimulationTests {
    @Test(
        "C3, C5, C7: whatever happens, in whatever order, no count is lost but by a crash, none is ahead",
        arguments: 1...40 as ClosedRange<UInt64>
    )
    func anything(seed: UInt64) {
        var simulation = Simulation(seed: seed)
        simulation.run(steps: 500)
    }
}
