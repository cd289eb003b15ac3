// pool_setup: registers and place tables of a pool.
//     address 0: reciprocal; 1: type word; 2: [0] used [1] sum saturates [8 +: SUM_W] its bits
//     64 + row, 128 + column: [12] a whole place, [11:0] its part of the number
// A place's number is row part + column part; 1 cycle.
module pool_setup #(
    parameter bit [7:0] UNIT = 5,
    parameter int S = 1  // places a cycle
) (
    input logic clk_i,
    input logic cfg_we_i,
    input logic [sparse_pkg::UNIT_W-1:0] cfg_unit_i,
    input logic [sparse_pkg::ADDR_W-1:0] cfg_addr_i,
    input logic [sparse_pkg::DATA_W-1:0] cfg_data_i,
    input logic [S*sparse_pkg::PLACE-1:0] row_i,
    input logic [S*sparse_pkg::PLACE-1:0] col_i,
    output logic [S*(sparse_pkg::KEY_W+1)-1:0] key_o,
    output logic used_o,
    output logic saturates_o,
    output logic [sparse_pkg::SUM_W-1:0] sum_mask_o,
    output logic [sparse_pkg::RECIP_W-1:0] recip_o,
    output logic [47:0] type_o
);
  import sparse_pkg::*;
  wire mine = cfg_we_i && cfg_unit_i == UNIT;
  wire row_we = mine && cfg_addr_i[7:6] == 2'd1;
  wire col_we = mine && cfg_addr_i[7:6] == 2'd2;
  for (genvar i = 0; i < S; i++) begin : g_s
    (* ram_style = "distributed" *) logic [KEY_W:0] rows[2**PLACE];
    (* ram_style = "distributed" *) logic [KEY_W:0] cols[2**PLACE];
    wire [PLACE-1:0] row_at = row_we ? cfg_addr_i[PLACE-1:0] : row_i[i*PLACE+:PLACE];
    wire [PLACE-1:0] col_at = col_we ? cfg_addr_i[PLACE-1:0] : col_i[i*PLACE+:PLACE];
    wire [KEY_W:0] row = rows[row_at];
    wire [KEY_W:0] col = cols[col_at];
    always_ff @(posedge clk_i) begin
      if (row_we) rows[row_at] <= cfg_data_i[KEY_W:0];
      if (col_we) cols[col_at] <= cfg_data_i[KEY_W:0];
      key_o[i*(KEY_W+1)+:KEY_W+1] <= {row[KEY_W] & col[KEY_W], row[KEY_W-1:0] + col[KEY_W-1:0]};
    end
  end
  always_ff @(posedge clk_i) begin
    if (mine && cfg_addr_i[7:0] == 8'd0) recip_o <= cfg_data_i[RECIP_W-1:0];
    if (mine && cfg_addr_i[7:0] == 8'd1) type_o <= cfg_data_i[47:0];
    if (mine && cfg_addr_i[7:0] == 8'd2)
      {sum_mask_o, saturates_o, used_o} <= {cfg_data_i[8+:SUM_W], cfg_data_i[1:0]};
  end
endmodule
