// Whoever tests whole Pantry processes also waits for them, and needs the two modules as one.
@_exported import ProcessTestKit
