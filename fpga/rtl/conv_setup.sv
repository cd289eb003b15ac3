// conv_setup: the registers of a convolution: kernel, generation, mask, bias and type a filter.
//     address 0: [3:0] rows [7:4] columns [8] first generation [9] mask is "slot" [10] chain
//     address 4+2f: bias; 5+2f: type word
module conv_setup (
    input logic clk_i,
    input logic we_i,
    input logic [4:0] addr_i,
    input logic [sparse_pkg::DATA_W-1:0] data_i,
    output logic [3:0] k_rows_o,
    output logic [3:0] k_cols_o,
    output logic rounds_o,
    output logic mask_slot_o,
    output logic chain_o,
    output logic [sparse_pkg::CH*sparse_pkg::ACC_W-1:0] bias_o,
    output logic [sparse_pkg::CH*48-1:0] type_o
);
  import sparse_pkg::*;
  always_ff @(posedge clk_i) begin
    if (we_i && addr_i == 5'd0) {chain_o, mask_slot_o, rounds_o, k_cols_o, k_rows_o} <= data_i[10:0];
    for (int f = 0; f < CH; f++) begin
      if (we_i && addr_i == 5'(4 + 2 * f)) bias_o[f*ACC_W+:ACC_W] <= data_i[ACC_W-1:0];
      if (we_i && addr_i == 5'(5 + 2 * f)) type_o[f*48+:48] <= data_i[47:0];
    end
  end
endmodule
