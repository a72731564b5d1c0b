system_test(compat 600)
# What is coturn's own in a build with sanitizers.
set(suppressions ${CMAKE_SOURCE_DIR}/coturn-patches)
set_tests_properties(system-compat PROPERTIES ENVIRONMENT
  "LSAN_OPTIONS=suppressions=${suppressions}/lsan.supp:print_suppressions=0;TSAN_OPTIONS=suppressions=${suppressions}/tsan.supp:print_suppressions=0")
add_dependencies(compat-tests coturn-unpatched turnutils_uclient turnutils_peer turnutils_stunclient
  turnutils_natdiscovery turnutils_rfc5769check turnutils_oauth)
target_compile_definitions(compat-tests PRIVATE
  COTURN_UNPATCHED_DIR="${CMAKE_BINARY_DIR}/unpatched/bin"
  COTURN_SOURCE_DIR="${CMAKE_BINARY_DIR}/coturn-src"
  COTURN_UNPATCHED_SOURCE_DIR="${CMAKE_BINARY_DIR}/coturn-unpatched-src")

# The only tool that is compared with its unpatched self: it checks nothing but the message code that all
# the others are made of.
set(unpatched ${CMAKE_BINARY_DIR}/coturn-unpatched-src/src)
add_executable(unpatched-rfc5769check ${unpatched}/apps/rfc5769/rfc5769check.c
  ${unpatched}/apps/common/apputils.c ${unpatched}/apps/common/ns_turn_utils.c
  ${unpatched}/apps/common/stun_buffer.c ${unpatched}/client/ns_turn_ioaddr.c
  ${unpatched}/client/ns_turn_msg.c ${unpatched}/client/ns_turn_msg_addr.c)
foreach(property IN ITEMS COMPILE_DEFINITIONS COMPILE_OPTIONS INCLUDE_DIRECTORIES C_STANDARD C_EXTENSIONS)
  get_target_property(value unpatched-turnserver ${property})
  set_target_properties(unpatched-rfc5769check PROPERTIES ${property} "${value}")
endforeach()
pkg_check_modules(RFC5769CHECK REQUIRED IMPORTED_TARGET libevent libevent_openssl libevent_pthreads)
target_link_libraries(unpatched-rfc5769check PRIVATE PkgConfig::RFC5769CHECK OpenSSL::SSL OpenSSL::Crypto
  Threads::Threads)
set_target_properties(unpatched-rfc5769check PROPERTIES OUTPUT_NAME turnutils_rfc5769check
  RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/unpatched/bin)
add_dependencies(compat-tests unpatched-rfc5769check)
