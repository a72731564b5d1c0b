# coturn_targets(PREFIX p SOURCE dir OUTPUT dir [TOOLS]): CMake targets for a coturn source tree.
#
# The switches follow Debian's package (its own build of the same version is what we are compared with):
# optimised with debug information, hardened, SQLite and Redis on, without Prometheus. PostgreSQL, MySQL and
# MongoDB are built when asked for: what is not compiled cannot be attacked, and the broker needs none of them.
# coturn's own warnings are not ours to fix; the files our patches add are held to a stricter set, as errors.

set(COTURN_DEFINITIONS
  LIBEV_OK TURN_HAS_DAEMON TURN_NO_PROMETHEUS INSTALL_PREFIX=/usr TURNDB=/var/lib/turn/turndb)
set(COTURN_DRIVERS)

# coturn_driver(NAME DATABASE DEFINITION MODULE...): the option to build a driver; any of the modules will do.
function(coturn_driver name database definition)
  option(TURNBROKER_COTURN_${name} "Build coturn's driver for ${database}" OFF)
  if(NOT TURNBROKER_COTURN_${name})
    set(COTURN_DEFINITIONS ${COTURN_DEFINITIONS} ${definition} PARENT_SCOPE)
    return()
  endif()
  pkg_search_module(COTURN_${name} IMPORTED_TARGET ${ARGN})
  if(NOT COTURN_${name}_FOUND)
    list(JOIN ARGN " or " modules)
    message(FATAL_ERROR
      "TURNBROKER_COTURN_${name}=ON: pkg-config does not know ${modules}: install what ${database} programs are built with")
  endif()
  set(COTURN_DRIVERS ${COTURN_DRIVERS} PkgConfig::COTURN_${name} PARENT_SCOPE)
endfunction()
coturn_driver(PGSQL PostgreSQL TURN_NO_PQ libpq)
coturn_driver(MYSQL MySQL TURN_NO_MYSQL mysqlclient libmariadb mariadb)
coturn_driver(MONGO MongoDB TURN_NO_MONGO libmongoc-1.0)

if(NOT COTURN_SYSTEMD_FOUND)
  list(APPEND COTURN_DEFINITIONS TURN_NO_SYSTEMD)
endif()
set(COTURN_OPTIONS -Wno-deprecated-declarations -Wformat -Werror=format-security -fexceptions)
if(CMAKE_BUILD_TYPE MATCHES "^(Release|RelWithDebInfo)$")
  list(APPEND COTURN_OPTIONS -O2 -g)
  if(NOT TURNBROKER_SANITIZE)
    list(APPEND COTURN_OPTIONS -fstack-protector-strong -D_FORTIFY_SOURCE=2)
  endif()
endif()
set(COTURN_LINK_OPTIONS)
if(NOT TURNBROKER_SANITIZE)
  list(APPEND COTURN_LINK_OPTIONS -Wl,-z,relro -Wl,-z,now)
endif()
set(COTURN_NEW_FILE_OPTIONS
  -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror)

function(coturn_executable target source output)
  cmake_parse_arguments(PARSE_ARGV 3 arg "" "NAME" "FILES")
  set(files)
  foreach(file IN LISTS arg_FILES)
    list(APPEND files ${source}/src/${file})
  endforeach()
  add_executable(${target} ${files})
  set_target_properties(${target} PROPERTIES
    C_STANDARD 11 C_EXTENSIONS ON POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET default
    RUNTIME_OUTPUT_DIRECTORY ${output} OUTPUT_NAME ${arg_NAME})
  target_include_directories(${target} PRIVATE ${source}/src ${source}/src/apps/common
    ${source}/src/apps/relay ${source}/src/server ${source}/src/client)
  target_compile_definitions(${target} PRIVATE ${COTURN_DEFINITIONS})
  target_compile_options(${target} PRIVATE ${COTURN_OPTIONS})
  target_link_options(${target} PRIVATE ${COTURN_LINK_OPTIONS})
  target_link_libraries(${target} PRIVATE PkgConfig::COTURN_LIBRARIES OpenSSL::SSL OpenSSL::Crypto
    Threads::Threads ${CMAKE_DL_LIBS})
  if(COTURN_SYSTEMD_FOUND)
    target_link_libraries(${target} PRIVATE PkgConfig::COTURN_SYSTEMD)
  endif()
endfunction()

function(coturn_targets)
  cmake_parse_arguments(PARSE_ARGV 0 arg "TOOLS" "PREFIX;SOURCE;OUTPUT" "")
  set(common apps/common/apputils.c apps/common/ns_turn_utils.c apps/common/stun_buffer.c
    client/ns_turn_ioaddr.c client/ns_turn_msg.c client/ns_turn_msg_addr.c)

  # By pattern, so that every prefix of the patch series builds with these same lines.
  file(GLOB server RELATIVE ${arg_SOURCE}/src ${arg_SOURCE}/src/server/*.c ${arg_SOURCE}/src/apps/relay/*.c
    ${arg_SOURCE}/src/apps/relay/dbdrivers/*.c)
  # The patches name what coturn has and this server has not; before them, the list does not exist.
  set(not_built ${arg_SOURCE}/src/apps/relay/turn_not_built.txt)
  if(EXISTS ${not_built})
    file(STRINGS ${not_built} names)
    foreach(name IN LISTS names)
      if(NOT name IN_LIST server)
        message(FATAL_ERROR "${not_built} names ${name}, which coturn does not have")
      endif()
      list(REMOVE_ITEM server ${name})
    endforeach()
  endif()
  coturn_executable(${arg_PREFIX}turnserver ${arg_SOURCE} ${arg_OUTPUT} NAME turnserver
    FILES ${server} ${common} apps/common/hiredis_libevent2.c)
  file(GLOB ours_by_name ${arg_SOURCE}/src/server/ns_turn_mobility.c
    ${arg_SOURCE}/src/apps/relay/turn_realm_options.c ${arg_SOURCE}/src/apps/relay/turn_stored_password.c
    ${arg_SOURCE}/src/apps/relay/turn_sqlite_prepare.c ${arg_SOURCE}/src/apps/relay/turn_pgsql_exec.c
    ${arg_SOURCE}/src/apps/relay/turn_mysql_query.c ${arg_SOURCE}/src/apps/relay/turn_exit.c)
  if(ours_by_name)
    set_source_files_properties(${ours_by_name} PROPERTIES COMPILE_OPTIONS "${COTURN_NEW_FILE_OPTIONS}")
  endif()

  target_include_directories(${arg_PREFIX}turnserver PRIVATE ${arg_SOURCE}/src/apps/relay/dbdrivers)
  target_link_libraries(${arg_PREFIX}turnserver PRIVATE ${COTURN_DRIVERS})
  file(GLOB ours ${arg_SOURCE}/src/server/ns_turn_plugin*.c ${arg_SOURCE}/src/apps/relay/turn_plugin*.c
    ${arg_SOURCE}/src/apps/relay/turn_removed_options.c ${arg_SOURCE}/src/apps/relay/turn_stream_start.c
    ${arg_SOURCE}/src/server/ns_turn_peer*.c ${arg_SOURCE}/src/apps/relay/turn_peer*.c)
  file(GLOB ours_of_listener ${arg_SOURCE}/src/server/ns_turn_nonce*.c
    ${arg_SOURCE}/src/server/ns_turn_idle*.c ${arg_SOURCE}/src/apps/relay/turn_nonce_*.c
    ${arg_SOURCE}/src/apps/relay/turn_dtls_*.c ${arg_SOURCE}/src/apps/relay/turn_udp_*.c)
  list(APPEND ours ${ours_of_listener})
  file(GLOB ours_of_floods ${arg_SOURCE}/src/server/ns_turn_log_limit.c ${arg_SOURCE}/src/apps/relay/turn_accept_pause.c
    ${arg_SOURCE}/src/apps/relay/turn_stream_count.c ${arg_SOURCE}/src/apps/relay/turn_refused_ports.c)
  list(APPEND ours ${ours_of_floods})
  file(GLOB ours_of_defaults ${arg_SOURCE}/src/apps/relay/turn_tls_*.c ${arg_SOURCE}/src/apps/relay/turn_default_*.c
    ${arg_SOURCE}/src/server/ns_turn_binding*.c ${arg_SOURCE}/src/apps/relay/turn_*_option.c)
  list(APPEND ours ${ours_of_defaults})
  file(GLOB ours_of_privileges ${arg_SOURCE}/src/apps/relay/turn_privileges.c ${arg_SOURCE}/src/apps/relay/turn_capabilities.c)
  list(APPEND ours ${ours_of_privileges})
  if(ours)
    set_source_files_properties(${ours} PROPERTIES COMPILE_OPTIONS "${COTURN_NEW_FILE_OPTIONS}")
  endif()

  if(TURNBROKER_SANITIZE MATCHES "undefined" AND arg_PREFIX)
    # coturn 4.6.1 itself reads and writes 16 to 64 bit words wherever they lie in a message, which would
    # end the unpatched server at its first mobility ticket or dual allocation.
    target_compile_options(${arg_PREFIX}turnserver PRIVATE -fno-sanitize=alignment)
  endif()

  if(arg_TOOLS)
    add_custom_command(TARGET ${arg_PREFIX}turnserver POST_BUILD
      COMMAND ${CMAKE_COMMAND} -E create_symlink turnserver turnadmin
      WORKING_DIRECTORY ${arg_OUTPUT} VERBATIM)
    coturn_executable(turnutils_uclient ${arg_SOURCE} ${arg_OUTPUT} NAME turnutils_uclient
      FILES apps/uclient/mainuclient.c apps/uclient/uclient.c apps/uclient/startuclient.c ${common})
    coturn_executable(turnutils_peer ${arg_SOURCE} ${arg_OUTPUT} NAME turnutils_peer
      FILES apps/peer/mainudpserver.c apps/peer/udpserver.c ${common})
    foreach(tool IN ITEMS stunclient/stunclient natdiscovery/natdiscovery oauth/oauth rfc5769/rfc5769check)
      get_filename_component(name ${tool} NAME)
      coturn_executable(turnutils_${name} ${arg_SOURCE} ${arg_OUTPUT} NAME turnutils_${name}
        FILES apps/${tool}.c ${common})
    endforeach()
  endif()
endfunction()
