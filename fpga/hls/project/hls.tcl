# Vitis HLS for @KERNEL@: C simulation, synthesis, co-simulation, kernel object.
# Untried: made without the tool. Run from scripts/, PLATFORM=u250 or u55c in the environment.
set platform [expr {[info exists env(PLATFORM)] ? $env(PLATFORM) : "u250"}]
array set parts {u250 xcu250-figd2104-2L-e u55c xcu55c-fsvh2892-2L-e}
if {![info exists parts($platform)]} {
    puts "PLATFORM=$platform: must be u250 or u55c"
    exit 1
}
set here [file normalize [file dirname [info script]]]
set src $here/../src
set tb $here/../tb

open_project -reset $here/../build/$platform/hls
set_top @KERNEL@
add_files $src/top.cpp -cflags "-I$src"
add_files -tb $tb/testbench.cpp -cflags "-I$src"
add_files -tb $tb/kernel_abi.cpp -cflags "-I$src"
open_solution -reset -flow_target vitis solution
set_part $parts($platform)
create_clock -period 3.33 -name default

csim_design -argv "$tb/vectors.bin"
csynth_design
cosim_design -argv "$tb/vectors.bin --outputs-only"
export_design -format xo -output $here/../build/$platform/@KERNEL@.xo
exit
