# Reads the ledger's file, too: with its own eyes, not the relay's.
pkg_check_modules(SQLITE3 REQUIRED IMPORTED_TARGET sqlite3)
system_test(kill 900)
target_sources(kill-tests PRIVATE
  flood/swarm.cpp flood/swarm_worker.cpp ../load/pacer.cpp ../load/peer_sender.cpp)
target_link_libraries(kill-tests PRIVATE PkgConfig::SQLITE3)
