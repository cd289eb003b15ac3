// fifo: whatever is put and taken in whatever order, what comes out is what went in, in its order,
// and empty and full are told when they are. One word, any one, is followed through the queue.
module fifo_proof #(
    parameter int W = 4,
    parameter int DEPTH = 4
) (
    input logic clk_i,
    input logic put_i,
    input logic take_i,
    input logic [W-1:0] data_i,
    input logic follow_i
);
  logic past = 1'b0;
  wire rst = !past;
  logic [W-1:0] out;
  logic empty, full;
  fifo #(.W(W), .DEPTH(DEPTH)) u_fifo (
      .clk_i, .rst_i(rst), .put_i, .data_i, .take_i, .data_o(out), .empty_o(empty),
      .full_o(full));
  // the user's side of the contract
  always_comb begin
    if (rst) assume (!put_i && !take_i);
    if (full) assume (!put_i);
    if (empty) assume (!take_i);
  end
  logic [7:0] held = 0, ahead = 0;
  logic followed = 1'b0;
  logic [W-1:0] word;
  always_ff @(posedge clk_i) begin
    past <= 1'b1;
    held <= held + {7'd0, put_i} - {7'd0, take_i};
    if (rst) {held, followed} <= '0;
    else if (put_i && follow_i && !followed) begin
      followed <= 1'b1;
      word <= data_i;
      ahead <= held - {7'd0, take_i};
    end else if (followed && take_i) begin
      if (ahead == 0) followed <= 1'b0;
      else ahead <= ahead - 1'b1;
    end
  end
  always_comb
    if (!rst) begin
      assert (held <= DEPTH);
      assert (empty == (held == 0));
      assert (full == (held == DEPTH));
      if (followed) assert (ahead < held);
      if (followed && ahead == 0) assert (out == word);
      cover (full && followed);
    end
  // what makes it hold for ever: the state of the queue, as it must be
  (* hierconn *) wire [2:0] \u_fifo.head ;
  (* hierconn *) wire [2:0] \u_fifo.tail ;
  (* hierconn *) wire [W-1:0] \u_fifo.word[0] ;
  (* hierconn *) wire [W-1:0] \u_fifo.word[1] ;
  (* hierconn *) wire [W-1:0] \u_fifo.word[2] ;
  (* hierconn *) wire [W-1:0] \u_fifo.word[3] ;
  wire [2:0] head = \u_fifo.head , tail = \u_fifo.tail ;
  wire [2:0] full_of = tail - head;
  wire [1:0] at = head[1:0] + ahead[1:0];
  wire [W-1:0] there = at == 0 ? \u_fifo.word[0] : at == 1 ? \u_fifo.word[1] : at == 2 ? \u_fifo.word[2] : \u_fifo.word[3] ;
  always_comb
    if (!rst) begin
      assert (full_of == held[2:0]);
      if (followed) assert (there == word);
    end
endmodule
