// softmax_lane: a score's distance from the largest one and its exponential: 4 cycles.
module softmax_lane #(
    parameter int T_W = 18
) (
    input logic clk_i,
    input logic we_i,  // an entry of the table of exponentials
    input logic [9:0] cfg_at_i,
    input logic [T_W-1:0] cfg_data_i,
    input logic [4:0] shift_i,  // bits of a distance below its ten highest
    input logic [sparse_pkg::D2_W-1:0] lowest_i,  // distance
    input logic there_i,  // else 0 comes out
    input logic [sparse_pkg::D2_W-1:0] y_i,
    input logic [sparse_pkg::D2_W-1:0] most_i,
    output logic [T_W-1:0] exp_o
);
  import sparse_pkg::*;
  (* ram_style = "block" *) logic [T_W-1:0] exponentials[1024];
  logic [D2_W-1:0] below, clamped;
  logic [9:0] index;
  logic [T_W-1:0] entry;
  logic [3:0] there;
  assign exp_o = there[3] ? entry : '0;
  always_ff @(posedge clk_i) begin
    if (we_i) exponentials[cfg_at_i] <= cfg_data_i;
    there <= {there[2:0], there_i};
    below <= y_i - most_i;
    clamped <= $signed(below) < $signed(lowest_i) ? lowest_i : below;
    index <= 10'($signed(clamped) >>> shift_i);
    entry <= exponentials[index];
  end
endmodule
