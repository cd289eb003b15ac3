# What is installed beside programs and Python package, and the Debian package of it.
set(config_files trigger demo images)
list(TRANSFORM config_files REPLACE "(.+)" "${PROJECT_SOURCE_DIR}/config/\\1.toml")
install(FILES ${config_files} DESTINATION /etc/sparsed)
install(FILES config/sparsed.service DESTINATION lib/systemd/system)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN *.md)
install(DIRECTORY config/prometheus DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY proto/ DESTINATION ${CMAKE_INSTALL_DATADIR}/sparsed/proto FILES_MATCHING PATTERN *.proto)

# Man pages are the programs' own --help.
find_program(HELP2MAN help2man)
if(HELP2MAN AND NOT SPARSED_SANITIZE)
  set(pages "")
  foreach(program sparsed sparse-verify sparse-score sparse-replay sparse-decisions sparse-top sparse-hls
          sparse-device)
    set(page ${CMAKE_BINARY_DIR}/man/${program}.1)
    add_custom_command(OUTPUT ${page}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/man
      COMMAND ${HELP2MAN} --no-info --name=${PROJECT_DESCRIPTION} -o ${page} $<TARGET_FILE:${program}>
      DEPENDS ${program} VERBATIM)
    list(APPEND pages ${page})
  endforeach()
  add_custom_target(sparsed_man ALL DEPENDS ${pages})
  install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
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
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${conffiles})
include(CPack)
