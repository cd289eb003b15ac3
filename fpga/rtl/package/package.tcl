# package.tcl: the kernel in SystemVerilog as sparse_kernel.xo for v++. Untried: written after the
# vendor's documents, run with no vendor tool.
#     vivado -mode batch -source package.tcl -tclargs PART SLOTS AT_ONCE FILTERS REUSE
lassign $argv part slots at_once filters reuse
set here [file dirname [file normalize [info script]]]
set folder [file normalize ip]

create_project -force package project -part $part
add_files [concat [glob $here/../*.sv] $here/sparse_kernel_card.sv]
set_property top sparse_kernel_card [current_fileset]
set_property generic "N=$slots S=$at_once F=$filters R=$reuse" [current_fileset]
update_compile_order -fileset sources_1

ipx::package_project -root_dir $folder -vendor sparsed -library kernel -name sparse_kernel \
    -taxonomy /KernelIP -import_files -set_current true
set core [ipx::current_core]
set_property version 1.0 $core
foreach bus {s_axi_control m_axi_windows m_axi_results} {
    ipx::associate_bus_interfaces -busif $bus -clock ap_clk $core
}
set_property sdx_kernel true $core
set_property sdx_kernel_type rtl $core
set_property ipi_drc {ignore_freq_hz true} $core
ipx::create_xgui_files $core
ipx::update_checksums $core
ipx::check_integrity -kernel $core
ipx::save_core $core
close_project

package_xo -force -xo_path sparse_kernel.xo -kernel_name sparse_kernel -ip_directory $folder \
    -kernel_xml $here/kernel.xml -ctrl_protocol ap_ctrl_chain
