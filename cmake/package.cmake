# What is installed beside programs and Python package, and the Debian package of it.
set(config_files trigger demo images)
list(TRANSFORM config_files REPLACE "(.+)" "${PROJECT_SOURCE_DIR}/config/\\1.toml")
install(FILES ${config_files} DESTINATION /etc/sparsed)
install(FILES config/sparsed.service DESTINATION lib/systemd/system)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN *.md)
install(DIRECTORY config/prometheus config/grafana DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY proto/ DESTINATION ${CMAKE_INSTALL_DATADIR}/sparsed/proto FILES_MATCHING PATTERN *.proto)

# Of every program: a man page, which is its own --help, and bash completion made of the same.
# Rows: program|what it is. sparsed-xrt has none of them: nobody but sparsed starts it.
set(programs
  "sparsed|trigger daemon for experiments with sparse images"
  "sparse-calibrate|pedestals, noise and masks of single wires"
  "sparse-decisions|what sparsed decides, a line an event"
  "sparse-device|an emulated card"
  "sparse-hls|a network as an HLS project"
  "sparse-keys|keys for sockets of sparsed and its clients"
  "sparse-replay|recorded events, sent as a detector would send them"
  "sparse-rtl|a network for the kernel in SystemVerilog"
  "sparse-score|the trigger over a file, without sockets"
  "sparse-simulate|events of a simulated detector"
  "sparse-top|a running sparsed at a glance"
  "sparse-verify|a model's vectors on every engine, bit by bit"
  "sparse-xclbin|a kernel for XRT in emulation"
  "sparsectl|controls the runs of a sparsed")
find_program(HELP2MAN help2man)
if(HELP2MAN AND NOT SPARSED_SANITIZE)
  set(made "")
  foreach(row ${programs})
    string(REGEX MATCH "^([^|]+)[|](.+)$" row "${row}")
    set(program ${CMAKE_MATCH_1})
    string(REPLACE sparsectl sparse-ctl target ${program})
    set(file "")
    if(TARGET ${target})
      set(file $<TARGET_FILE:${target}>)
    elseif(program STREQUAL sparse-xclbin)
      set(file ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/sparse-xclbin)
    endif()
    if(file)
      set(page ${CMAKE_BINARY_DIR}/man/${program}.1)
      set(completion ${CMAKE_BINARY_DIR}/completions/${program})
      add_custom_command(OUTPUT ${page} ${completion}
        COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/man ${CMAKE_BINARY_DIR}/completions
        COMMAND ${HELP2MAN} --no-info --name=${CMAKE_MATCH_2} --version-string=${PROJECT_VERSION}
                -o ${page} ${file}
        COMMAND ${SPARSED_PYTHON} ${PROJECT_SOURCE_DIR}/cmake/completion.py ${program} ${file} > ${completion}
        DEPENDS ${file} ${PROJECT_SOURCE_DIR}/cmake/completion.py VERBATIM)
      list(APPEND made ${page} ${completion})
    endif()
  endforeach()
  add_custom_target(sparsed_man ALL DEPENDS ${made})
  install(DIRECTORY ${CMAKE_BINARY_DIR}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(DIRECTORY ${CMAKE_BINARY_DIR}/completions/ DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
endif()

# dpkg asks before it overwrites a file of this list that was edited.
set(conffiles ${CMAKE_BINARY_DIR}/debian/conffiles)
file(WRITE ${conffiles} "/etc/sparsed/trigger.toml\n/etc/sparsed/demo.toml\n/etc/sparsed/images.toml\n")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME sparsed)
set(CPACK_PACKAGE_VENDOR "sparsed")
set(CPACK_PACKAGE_CONTACT "sparsed maintainers <sparsed@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE "")
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "python3, python3-zmq, python3-protobuf")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${conffiles} ${PROJECT_SOURCE_DIR}/cmake/debian/postinst
  ${PROJECT_SOURCE_DIR}/cmake/debian/prerm ${PROJECT_SOURCE_DIR}/cmake/debian/postrm)
include(CPack)
