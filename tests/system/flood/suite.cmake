system_test(flood 900)
target_sources(flood-tests PRIVATE ../load/pacer.cpp ../load/peer_sender.cpp)
