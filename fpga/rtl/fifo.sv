// fifo: DEPTH words, a power of 2; what is put in a cycle can be taken in the next.
// Putting into a full one and taking from an empty one is forbidden.
module fifo #(
    parameter int W = 32,
    parameter int DEPTH = 16
) (
    input logic clk_i,
    input logic rst_i,
    input logic put_i,
    input logic [W-1:0] data_i,
    input logic take_i,
    output logic [W-1:0] data_o,
    output logic empty_o,
    output logic full_o
);
  localparam int A = $clog2(DEPTH);
  (* ram_style = "distributed" *) logic [W-1:0] word[DEPTH];
  logic [A:0] head, tail;
  assign empty_o = head == tail;
  assign full_o = head[A-1:0] == tail[A-1:0] && head[A] != tail[A];
  assign data_o = word[head[A-1:0]];
  always_ff @(posedge clk_i) begin
    if (put_i) word[tail[A-1:0]] <= data_i;
    if (rst_i) {head, tail} <= '0;
    else begin
      if (put_i) tail <= tail + 1'b1;
      if (take_i) head <= head + 1'b1;
    end
  end

`ifndef SYNTHESIS
  always_ff @(posedge clk_i)
    if (!rst_i) begin
      assert (!(put_i && full_o));
      assert (!(take_i && empty_o));
    end
`endif
endmodule
