system_test(fleet 900)
target_sources(fleet-tests PRIVATE ../load/pacer.cpp ../load/peer_sender.cpp
  flood/swarm.cpp flood/swarm_worker.cpp)
